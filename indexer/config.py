"""Settings as values: `livestills.toml`, then `LIVESTILLS_*`, then what the command line says.

Credentials are no setting: they come from boto3's own chain (environment, profiles, roles), by `profile` if named.
"""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from indexer.errors import ConfigError

FILE_NAME: Final = "livestills.toml"
ENV_CONFIG: Final = "LIVESTILLS_CONFIG"


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ValueError(f"{name!r} is no time zone; write one such as UTC or Europe/Berlin") from exc
    return name


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CatalogSettings(_Strict):
    """Where the catalog is."""

    url: str = "sqlite:///livestills.db"


class SourceSettings(_Strict):
    """One bucket and prefix, or folder, to catalog."""

    url: str
    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    addressing_style: Literal["auto", "path", "virtual"] = "auto"
    list_version: Literal[1, 2] = 2
    url_encoding: bool = True
    capture_interval_s: Annotated[int, Field(ge=1, le=3600)] | None = None
    """As Agora was told (`captureInterval`); inferred from the shots where it is not set."""


class DerivativesSettings(_Strict):
    """Where pictures that we make are kept."""

    url: str


class DisplaySettings(_Strict):
    """How tables show things."""

    tz: Annotated[str, AfterValidator(_zone)] = "UTC"


SourceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="LIVESTILLS_", env_nested_delimiter="__", env_ignore_empty=True
    )

    catalog: CatalogSettings = CatalogSettings()
    sources: dict[SourceName, SourceSettings] = {}
    derivatives: DerivativesSettings | None = None
    display: DisplaySettings = DisplaySettings()

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

    Raises `ConfigError` if one that was named is not there.
    """
    if named is None and environ.get(ENV_CONFIG):
        named = Path(environ[ENV_CONFIG])
    if named is not None:
        if not named.is_file():
            raise ConfigError(f"the configuration file {named} does not exist; `livestills init` writes one")
        return named
    for candidate in (folder / FILE_NAME, platformdirs.user_config_path("livestills") / FILE_NAME):
        if candidate.is_file():
            return candidate
    return None


def load(file: Path | None) -> Settings:
    """Read the file, if there is one, and the environment.  Relative paths in URLs are meant from the file's folder.

    Raises `ConfigError` that names the file, the setting, and the nearest valid name of one that is unknown.
    """
    origin = "the environment" if file is None else str(file)
    try:
        settings = Settings(**({} if file is None else _read(file)))
    except ValidationError as exc:
        raise ConfigError(f"{origin}: {_explain(exc)}") from exc
    except SettingsError as exc:
        raise ConfigError(f"a LIVESTILLS_ variable cannot be read: {exc}") from exc
    return settings if file is None else _from_folder(settings, file.absolute().parent)


def check(text: str, *, origin: str) -> None:
    """Raise the `ConfigError` that a file with this text would."""
    try:
        Settings(**tomllib.loads(text))
    except ValidationError as exc:
        raise ConfigError(f"{origin}: {_explain(exc)}") from exc
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{origin}: not valid TOML: {exc}") from exc


def override(settings: Settings, *, catalog_url: str | None = None, tz: str | None = None) -> Settings:
    """The settings with what the command line says.  Raises `ConfigError`."""
    changes: dict[str, BaseModel] = {}
    if catalog_url is not None:
        changes["catalog"] = CatalogSettings(url=catalog_url)
    if tz is not None:
        try:
            changes["display"] = DisplaySettings(tz=tz)
        except ValidationError as exc:
            raise ConfigError(f"--tz: {_explain(exc)}") from exc
    return settings.model_copy(update=changes)


def zone(settings: Settings) -> ZoneInfo:
    """The time zone for people."""
    return ZoneInfo(settings.display.tz)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{file} is not valid TOML: {exc}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{file} is not UTF-8 text") from exc
    except OSError as exc:
        raise ConfigError(f"{file} cannot be read: {exc.strerror}") from exc


def _explain(error: ValidationError) -> str:
    """The first mistake in one line."""
    # A misspelt name explains the one that is missing, so it comes first.
    mistakes = sorted(error.errors(include_url=False), key=lambda mistake: mistake["type"] != "extra_forbidden")
    first = mistakes[0]
    place = ".".join(str(part) for part in first["loc"] if part != "[key]")
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    if first["type"] == "extra_forbidden":
        return f"unknown setting {place!r}{_nearest(first['loc'])}{more}"
    if first["loc"][-1:] == ("[key]",):
        return f"{place!r} is no name for a source; use letters, digits, '.', '_' and '-'{more}"
    return f"{place}: {first['msg'].removeprefix('Value error, ')}{more}"


def _nearest(location: tuple[int | str, ...]) -> str:
    model: type[BaseModel] = Settings
    for part in location[:-1]:
        model = _SECTIONS.get(str(part), model)
    close = difflib.get_close_matches(str(location[-1]), model.model_fields, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known here: {', '.join(model.model_fields)}"


_SECTIONS: Final[Mapping[str, type[BaseModel]]] = {
    "catalog": CatalogSettings,
    "sources": SourceSettings,
    "derivatives": DerivativesSettings,
    "display": DisplaySettings,
}


def _from_folder(settings: Settings, folder: Path) -> Settings:
    sources = {
        name: source.model_copy(update={"url": _absolute(source.url, folder)})
        for name, source in settings.sources.items()
    }
    changes: dict[str, object] = {
        "catalog": CatalogSettings(url=_absolute(settings.catalog.url, folder)),
        "sources": sources,
    }
    if settings.derivatives is not None:
        changes["derivatives"] = DerivativesSettings(url=_absolute(settings.derivatives.url, folder))
    return settings.model_copy(update=changes)


def _absolute(url: str, folder: Path) -> str:
    """`sqlite:///name` and `file:name` with a relative path, made absolute; any other URL as it is."""
    for scheme in ("sqlite:///", "file:"):
        path = url.removeprefix(scheme)
        if path != url and path and not path.startswith("/"):
            return f"{scheme}{folder / path}" if scheme == "sqlite:///" else (folder / path).resolve().as_uri()
    return url
