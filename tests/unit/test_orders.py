"""What an emulated start becomes: as much as Agora would make of it."""

import pytest

from indexer.agora.request import INDIVIDUAL
from indexer.service.emulator.orders import order
from tests.bodies import NOW, WITH_RECORDING, Body, changed

SID = "38f8e3cfdc474cd56fc1ceba380d7e1a"


@pytest.mark.parametrize(
    ("body", "arrive"),
    [
        (WITH_RECORDING, (True, True)),
        (changed(WITH_RECORDING, recording__streamTypes=0), (True, False)),
        (changed(WITH_RECORDING, storage__bucket="s3://x"), (False, False)),
        (changed(WITH_RECORDING, storage__stsToken="t", storage__stsExpiration=1), (False, False)),
    ],
    ids=["both", "no video", "no bucket", "an expired token"],
)
def test_what_could_never_be_uploaded_is_neither_recorded_nor_captured(body: Body, arrive: tuple[bool, bool]) -> None:
    plan = order(body, mode=INDIVIDUAL, sid=SID, uids=["1"], now=NOW).plan
    assert (plan.records, plan.pictures) == arrive
