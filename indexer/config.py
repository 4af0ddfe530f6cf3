"""Settings as values: `livestills.toml`, then `LIVESTILLS_*`, then what the command line says.

Credentials are no setting: they come from boto3's own chain (environment, profiles, roles), by `profile` if named.
"""

import difflib
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from indexer.agora import intervals
from indexer.errors import ConfigError

FILE_NAME: Final = "livestills.toml"
_ENV_PREFIX: Final = "LIVESTILLS_"
ENV_CONFIG: Final = f"{_ENV_PREFIX}CONFIG"


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ValueError(f"{name!r} is no time zone; write one such as UTC or Europe/Berlin") from exc
    return name


def _path(text: str) -> str:
    if "\0" in text:  # which no system has in a name, and Python does not even ask it for
        raise ValueError("has a NUL in it, so it is no file")
    return text


_SHARE: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?(?:(%)|/ ?([0-9]{1,9}))?")


def parse_share(text: str) -> float:
    """A share from 0 to 1 as people write it: `1/30`, `3.3%`, `0.033`, `0`.  Raises `ValueError`, which says so."""
    found = _SHARE.fullmatch(text.strip())
    if found is not None:
        whole = 100 if found[2] else int(found[3] or 1)
        share = float(found[1]) / whole if whole else 2
        if share <= 1:
            return share
    raise ValueError(f"{text!r} is no share; write for example 1/30, 5%, 0 or 100%")


def _share(value: object) -> float:
    return parse_share(str(value))  # TOML has numbers, too


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CatalogSettings(_Strict):
    """Where the catalog is."""

    url: str = "sqlite:///livestills.db"


@dataclass(frozen=True, slots=True)
class FromRequest:
    """What a source has from its start request rather than from its section."""

    file: Path
    storage: str | None
    """The vendor and its region; None where the section knows better."""
    settings: tuple[str, ...]
    """The names of what the request said."""
    doubts: tuple[str, ...]
    """What may be wrong with that, and what to do then, unless the section has done it."""


class SourceSettings(_Strict):
    """One bucket and prefix, or folder, to catalog."""

    request: Annotated[str, AfterValidator(_path)] | None = None
    """A file with the body that was posted to Agora's `start`: it says what the section leaves open."""
    url: str = ""
    """Never empty behind `load`."""
    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    addressing_style: Literal["auto", "path", "virtual"] = "auto"
    list_version: Literal[1, 2] = 2
    url_encoding: bool = True
    discovery: Literal["auto", "delimiter", "hop", "full"] = "auto"
    """How a sync finds what may have changed: as the storage allows, or one way only."""
    capture_interval_s: Annotated[int, Field(ge=1, le=intervals.LONGEST_S)] | None = None
    """As Agora was told (`captureInterval`); inferred from the shots where it is not set."""
    etag_is_md5: bool | None = None
    """Whether equal ETags mean equal pictures here; learned from what was fetched where it is not set."""
    _from_request: FromRequest | None = PrivateAttr(default=None)

    @property
    def from_request(self) -> FromRequest | None:
        """What `load` took from the request."""
        return self._from_request

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if self.request is None and "url" not in self.model_fields_set:
            raise ValueError("has neither url nor request: one of them must say where the screenshots are")
        return self


class SyncSettings(_Strict):
    """How a sync lists."""

    verify: Annotated[float, BeforeValidator(_share)] = 1 / 30
    """The share of what is settled that each run lists again."""
    horizon_h: Annotated[int, Field(ge=1, le=8760)] = 96
    """A session is watched for this long behind its newest shot.  Agora keeps uploads that failed for up to 72 h."""
    in_flight: Annotated[int, Field(ge=1, le=128)] = 16
    """LIST requests at a time."""


class DerivativesSettings(_Strict):
    """Where pictures that we make are kept."""

    url: str
    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    addressing_style: Literal["auto", "path", "virtual"] = "auto"


class ComputeSettings(_Strict):
    """Where thumbnails are made."""

    dask: str | None = None
    """The scheduler of a Dask cluster; processes of this machine where it is not set."""


Grey = Annotated[float, Field(ge=0, le=255)]


class LooksSettings(_Strict):
    """What pictures are called by their looks, in grey levels; docs/scenes.md tells where the numbers come from."""

    flat_contrast: Grey = 4
    """A picture with no more contrast than this is of one colour."""
    black_mean: Grey = 32
    """One of one colour is black up to this mean."""
    covered_mean: Grey = 40
    covered_spread: Grey = 8
    """Below both of them, the lens is covered."""
    still_mean: Grey = 0.25
    still_cell: Grey = 3
    """Up to a mean and a cell that differ so much, nothing changed."""
    changed_mean: Grey = 0.35
    changed_cell: Grey = 8
    """From this mean on, or with a cell above that, something did."""
    drift: Grey = 8
    """So far may the mean or the spread go from the first picture of a still scene."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.still_mean > self.changed_mean or self.still_cell > self.changed_cell:
            raise ValueError("has still_mean or still_cell above changed_mean or changed_cell")
        return self


class DisplaySettings(_Strict):
    """How tables show things."""

    tz: Annotated[str, AfterValidator(_zone)] = "UTC"


PersonName = Annotated[str, Field(min_length=1)]


class UsersSettings(_Strict):
    """What people are called; names by uid, because Agora knows no others."""

    csv: str | None = None
    """A file of rows `channel,uid,name`; what stands in these settings is stronger."""
    everywhere: dict[str, PersonName] = {}
    """By uid, for every channel that says nothing else."""
    channels: dict[str, dict[str, PersonName]] = {}
    """By channel, then by uid: a uid names a person only within a channel."""


_Section = TypeVar("_Section", SourceSettings, DerivativesSettings)

SourceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=_ENV_PREFIX, env_nested_delimiter="__", env_ignore_empty=True
    )

    catalog: CatalogSettings = CatalogSettings()
    sources: dict[SourceName, SourceSettings] = {}
    sync: SyncSettings = SyncSettings()
    derivatives: DerivativesSettings | None = None
    compute: ComputeSettings = ComputeSettings()
    looks: LooksSettings = LooksSettings()
    display: DisplaySettings = DisplaySettings()
    users: UsersSettings = UsersSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment is stronger than the file, which is given as init values."""
        return env_settings, init_settings


def find_file(named: Path | None, *, environ: Mapping[str, str], folder: Path) -> Path | None:
    """The configuration file: named, then of the environment, then in the folder, then the user's; None without one.

    One that was named need not exist: `load` says so.
    """
    if named is None and environ.get(ENV_CONFIG):
        named = Path(environ[ENV_CONFIG])
    if named is not None:
        return named
    for candidate in (folder / FILE_NAME, platformdirs.user_config_path("livestills") / FILE_NAME):
        if candidate.is_file():
            return candidate
    return None


def load(file: Path | None, *, environ: Mapping[str, str], folder: Path) -> Settings:
    """Read the file, if there is one, the environment, and the start requests that they name.

    Relative paths are meant from the file's folder where they stand in the file, else from `folder`.  `environ` is
    `os.environ`, which pydantic reads by itself.  Raises `ConfigError` that names the file or variable, the setting,
    and the nearest valid name of one that is unknown.
    """
    _refuse_unknown_variables(environ)
    values = {} if file is None else _anchored(_read(file), file.absolute().parent)
    settings = _settings(values, origin=str(file), environ=environ)
    return _with_folders(_with_requests(settings, folder, origin=str(file), environ=environ), folder)


def check(text: str, *, origin: str, environ: Mapping[str, str]) -> None:
    """Raise the `ConfigError` that a file with this text would."""
    _settings(_parse(text, origin), origin=origin, environ=environ)


def override(settings: Settings, *, catalog_url: str | None = None, tz: str | None = None) -> Settings:
    """The settings with what the command line says.  Raises `ConfigError`."""
    changes: dict[str, BaseModel] = {}
    if catalog_url is not None:
        changes["catalog"] = CatalogSettings(url=catalog_url)
    if tz is not None:
        try:
            changes["display"] = DisplaySettings(tz=_zone(tz))
        except ValueError as exc:
            raise ConfigError(f"--tz {exc}") from exc
    return settings.model_copy(update=changes)


def zone(settings: Settings) -> ZoneInfo:
    """The time zone for people."""
    return ZoneInfo(settings.display.tz)


def variables(environ: Mapping[str, str], *, sections: Collection[str]) -> list[str]:
    """The names of the variables that set something in these sections."""
    return sorted(name for name in environ if _section(name) in sections)


# Reading.


def _settings(values: Mapping[str, Any], *, origin: str, environ: Mapping[str, str]) -> Settings:
    for name in values:
        if name.startswith("_"):  # to pydantic these are options of its own
            raise ConfigError(f"{origin}: unknown setting {name!r}{_nearest((name,))}")
    try:
        return Settings(**values)
    except ValidationError as exc:
        raise ConfigError(_explain(exc, origin, environ)) from exc
    except SettingsError as exc:
        names = ", ".join(sorted(name for name in environ if _section(name) and "__" not in name)) or "a variable"
        raise ConfigError(f"{names} is not JSON; set one value at a time, such as LIVESTILLS_CATALOG__URL") from exc


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{file} is not UTF-8 text") from exc
    except FileNotFoundError as exc:
        raise ConfigError(f"the configuration file {file} does not exist; `livestills init` writes one") from exc
    except OSError as exc:
        raise ConfigError(f"the configuration file {file} cannot be read: {exc.strerror}") from exc
    return _parse(text, str(file))


def _parse(text: str, origin: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{origin}: not valid TOML: {exc}") from exc


def _section(variable: str) -> str | None:
    """The section of the settings that an environment variable is about."""
    name = variable.upper()
    section = name.removeprefix(_ENV_PREFIX).partition("__")[0].lower()
    return section if name.startswith(_ENV_PREFIX) and section in Settings.model_fields else None


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    """Raise `ConfigError` for what looks like a misspelt setting; other names may be somebody's own."""
    for name in environ:
        if not name.upper().startswith(_ENV_PREFIX) or name.upper() == ENV_CONFIG or _section(name):
            continue
        section = name[len(_ENV_PREFIX) :].partition("__")[0].lower()
        close = difflib.get_close_matches(section, Settings.model_fields, n=1)
        if close or "__" in name:
            known = close or Settings.model_fields
            meant = ", ".join(f"{_ENV_PREFIX}{field.upper()}__..." for field in known)
            raise ConfigError(f"the variable {name} sets nothing; known: {meant} (two underscores)")


# Explaining.


def _explain(error: ValidationError, origin: str, environ: Mapping[str, str]) -> str:
    """The first mistake in one line."""
    # A misspelt name explains the one that is missing, so it comes first.
    mistakes = sorted(error.errors(include_url=False), key=lambda mistake: mistake["type"] != "extra_forbidden")
    first = mistakes[0]
    where = [str(part) for part in first["loc"] if part != "[key]"]
    place = ".".join(where)
    origin = _origin(where, origin, environ)
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    if first["type"] == "extra_forbidden":
        return f"{origin}: unknown setting {place!r}{_nearest(first['loc'])}{more}"
    if first["loc"][-1:] == ("[key]",):
        name = where[-1]
        return f"{origin}: {name!r} is no name for a source; use letters, digits, '.', '_' and '-'{more}"
    return f"{origin}: {place} {_sentence(first)}{more}"


def _origin(where: Sequence[str], file: str, environ: Mapping[str, str]) -> str:
    """What set the value at a place."""
    variable = _ENV_PREFIX + "__".join(where).upper()
    return f"the variable {variable}" if variable in environ else file


def _sentence(mistake: ErrorDetails) -> str:
    """What is wrong with a value."""
    limits = mistake.get("ctx", {})
    match mistake["type"]:
        case "missing":
            return "is missing"
        case "string_type":
            return 'must be a text in "quotes"'
        case "bool_type" | "bool_parsing":
            return "must be true or false"
        case "int_type" | "int_parsing" | "int_from_float":
            return "must be a whole number"
        case "float_type" | "float_parsing" | "finite_number":
            return "must be a number"
        case "greater_than_equal":
            return f"must be {limits['ge']:g} or more"
        case "less_than_equal":
            return f"must be {limits['le']:g} or less"
        case "literal_error":
            return f"must be {limits['expected']}"
        case "string_too_short":
            return "must not be empty"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"must be a section of its own, [{_heading(mistake['loc'])}]"
        case _:
            return mistake["msg"].removeprefix("Value error, ")


def _heading(location: tuple[int | str, ...]) -> str:
    """The section that stands at a place, as a heading says it."""
    match location:
        case ("sources", *_):
            return "sources.NAME"
        case ("users", "channels", *_):
            return 'users.channels."CHANNEL"'
        case ("users", _, *_):
            return f"users.{location[1]}"
    return str(location[0])


def _nearest(location: tuple[int | str, ...]) -> str:
    model: type[BaseModel] = Settings
    for part in location[:-1]:
        model = _SECTIONS.get(str(part), model)
    close = difflib.get_close_matches(str(location[-1]), model.model_fields, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    if location[:-1] == ("users",):
        return '; write names below [users.everywhere] or [users.channels."CHANNEL"]'
    return f"; known here: {', '.join(model.model_fields)}"


_SECTIONS: Final[Mapping[str, type[BaseModel]]] = {
    "catalog": CatalogSettings,
    "sources": SourceSettings,
    "sync": SyncSettings,
    "derivatives": DerivativesSettings,
    "compute": ComputeSettings,
    "looks": LooksSettings,
    "display": DisplaySettings,
    "users": UsersSettings,
}


# Start requests.


def _with_requests(settings: Settings, folder: Path, *, origin: str, environ: Mapping[str, str]) -> Settings:
    """The settings with what the start requests of sources say, where the sources themselves do not."""
    sources = dict(settings.sources)
    for name, source in sources.items():
        if source.request is not None:
            try:
                sources[name] = _filled(source, folder / source.request)
            except ConfigError as exc:
                where = ("sources", name, "request")
                raise ConfigError(f"{_origin(where, origin, environ)}: {'.'.join(where)}: {exc}") from exc
    return settings.model_copy(update={"sources": sources})


def _filled(source: SourceSettings, file: Path) -> SourceSettings:
    from indexer.agora.destination import capture_interval_s, destination  # most configurations have no request
    from indexer.agora.request import read_json

    body = read_json(file)
    own = source.model_fields_set
    told: Mapping[str, object] = {"capture_interval_s": capture_interval_s(body)}
    storage: str | None = None
    doubts: tuple[str, ...] = ()
    on_s3 = "url" not in own or source.url.lower().startswith("s3:")
    if on_s3:
        try:
            found = destination(body)
        except ConfigError as exc:
            if not {"url", "endpoint_url"} <= own:  # with both of them it may be a gateway to what has no S3 API
                raise ConfigError(f"{file}: {exc}") from exc
        else:
            told, storage = found.settings, found.storage
            doubts = tuple(doubt.text for doubt in found.doubts if not doubt.is_settled_by(own))
    taken = {name: value for name, value in told.items() if name not in own and value is not None}
    filled = source.model_copy(update=taken)
    filled._from_request = FromRequest(file, storage, tuple(taken), doubts)  # noqa: SLF001  # its own module
    return filled


# Relative paths.


def _anchored(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """What a file says, with its paths made absolute.  What is not as it should be stays, to be complained about."""
    catalog = values.get("catalog", {})
    if isinstance(catalog, dict):
        catalog = {"url": CatalogSettings().url, **catalog}
    anchored = {**values, "catalog": _with_url(catalog, folder)}
    if "derivatives" in values:
        anchored["derivatives"] = _with_url(values["derivatives"], folder)
    if isinstance(values.get("sources"), dict):
        anchored["sources"] = {
            name: _with_path(_with_url(source, folder), "request", folder) for name, source in values["sources"].items()
        }
    if "users" in values:
        anchored["users"] = _with_path(values["users"], "csv", folder)
    return anchored


def _with_path(section: Any, name: str, folder: Path) -> Any:
    if isinstance(section, dict) and isinstance(section.get(name), str):
        return {**section, name: str(folder / section[name])}
    return section


def _with_url(section: Any, folder: Path) -> Any:
    if isinstance(section, dict) and isinstance(section.get("url"), str):
        return {**section, "url": _absolute(section["url"], folder)}
    return section


def _with_folders(settings: Settings, folder: Path) -> Settings:
    """The settings with the folders that the environment names made absolute.  A catalog's path may stay relative."""

    def anchored(section: _Section) -> _Section:
        return section.model_copy(update={"url": _absolute(section.url, folder)})

    changes: dict[str, object] = {"sources": {name: anchored(source) for name, source in settings.sources.items()}}
    if settings.derivatives is not None:
        changes["derivatives"] = anchored(settings.derivatives)
    if settings.users.csv is not None:
        changes["users"] = settings.users.model_copy(update={"csv": str(folder / settings.users.csv)})
    return settings.model_copy(update=changes)


def _absolute(url: str, folder: Path) -> str:
    """`sqlite:///name` and `file:name` with a relative path, made absolute; any other URL as it is."""
    for scheme in ("sqlite:///", "file:"):
        path = url.removeprefix(scheme)
        if path != url and path and not path.startswith("/"):
            return f"{scheme}{folder / path}" if scheme == "sqlite:///" else (folder / path).resolve().as_uri()
    return url
