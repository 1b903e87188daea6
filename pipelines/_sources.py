"""What a user names as a source, resolved to files and datasets in a fixed order."""

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from pipelines._readers import EXTENSIONS, data_extension
from pipelines._streams import why_not
from schemas.errors import SourceError

# What `datasets` and the hub put beside the data, under names that look like data.
_SIDECARS = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_A_RELEASE = "is a release of Assay and no raw data; name its splits folder, or a file in it, as the source"
_MAGIC = re.compile(r"[*?\[]")


class FileSource(NamedTuple):
    """One local file."""

    name: str  # as the ledger names it
    path: Path


class RemoteSource(NamedTuple):
    """One file that fsspec opens."""

    name: str
    filesystem: Any
    path: str


class DatasetSource(NamedTuple):
    """One split of a `datasets` dataset, saved in a folder or from the hub."""

    name: str
    dataset: Any


class RefusedSource(NamedTuple):
    """What was named but is nothing that can be read; `why` is one line with the remedy."""

    name: str
    why: str


Source = FileSource | RemoteSource | DatasetSource | RefusedSource


def find_sources(named: Iterable[str]) -> list[Source]:
    """Everything the arguments name, in their order, the files of a folder or glob sorted.

    What is named twice is kept once, and refused the second time.
    """
    seen: set[str] = set()
    found: list[Source] = []
    for source in (each for name in named for each in _resolve(str(name))):
        identity = _identity(source)
        if not is_utf8(source.name):
            shown = source.name.encode("utf-8", "replace").decode()
            source = RefusedSource(shown, "has a name that is not UTF-8, and no release can state it; rename the file")
        elif identity is not None and identity in seen:
            source = RefusedSource(source.name, "is named twice; it is read once, remove the second mention")
        elif identity is not None:
            seen.add(identity)
        found.append(source)
    return found


def is_utf8(name: str) -> bool:
    """Whether a file's name is text: on this system it may be any bytes."""
    try:
        return bool(name.encode()) or not name
    except UnicodeEncodeError:
        return False


def _identity(source: Source) -> str | None:
    if isinstance(source, FileSource):
        return os.path.realpath(source.path)
    if isinstance(source, RefusedSource):
        return None
    return source.name


def _resolve(name: str) -> list[Source]:
    try:
        if "://" in name and not name.startswith("file://"):
            return _remote(name)
        return _local(name, Path(_without_scheme(name)))
    except SourceError as error:
        return [RefusedSource(_posix(name), str(error))]


def _without_scheme(name: str) -> str:
    return "/" + name.removeprefix("file://").lstrip("/") if name.startswith("file://") else name


def _posix(name: str) -> str:
    return name.replace(os.sep, "/")


def _local(name: str, path: Path) -> list[Source]:
    try:
        exists = path.is_symlink() or path.exists()
        if exists and path.is_dir():
            return _folder(_posix(name), path)
        if exists:
            os.stat(path)
            return [FileSource(_posix(name), path)]
    except (OSError, ValueError) as error:
        raise SourceError(why_not(error)) from error
    if _MAGIC.search(name):
        return _glob(name)
    if _HUB_ID.fullmatch(name) and data_extension(name) is None:
        return _hub(name)
    raise SourceError("does not exist; check the path")


def _glob(pattern: str) -> list[Source]:
    matches = sorted(glob.glob(_without_scheme(pattern), recursive=True))
    if not matches:
        raise SourceError("matches no file; check the pattern, and quote it if the shell expands it")
    # A folder in the matches is read through only where the pattern asks for no more than folders.
    files = [match for match in matches if not os.path.isdir(match)]
    if not files:
        return [source for match in matches for source in _resolve(match)]
    readable = [match for match in files if data_extension(match) and os.path.basename(match) not in _SIDECARS]
    return [source for match in (readable or files) for source in _resolve(match)]


def _folder(name: str, folder: Path) -> list[Source]:
    if _is_release(folder):
        raise SourceError(_A_RELEASE)
    if _is_saved_dataset(folder):
        return _saved(name, folder)
    root = os.path.realpath(folder)
    skipped: list[str] = []
    sources = list(_walk(name.rstrip("/") or "/", folder, root, skipped))
    if sources:
        return sources
    others = ", ".join(skipped[:3]) + (f" and {len(skipped) - 3} more" if len(skipped) > 3 else "")
    beside = f" (only {others})" if skipped else ""
    raise SourceError(f"holds no data files{beside}; Assay reads {' '.join(EXTENSIONS)}, plain, .gz or .zst")


def _walk(name: str, folder: Path, root: str, skipped: list[str]) -> Iterator[Source]:
    """The data files below, sorted by name. A link is followed to a file inside `root` only, so loops end."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield RefusedSource(name, why_not(error))
        return
    for entry in entries:
        below = f"{name.rstrip('/')}/{entry.name}"
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _inner(below, Path(entry.path), root, skipped)
        elif data_extension(entry.name) is None or entry.name in _SIDECARS:
            skipped.append(entry.name)
        elif entry.is_symlink():
            yield from _linked(below, Path(entry.path), root)
        else:
            yield FileSource(below, Path(entry.path))


def _inner(name: str, folder: Path, root: str, skipped: list[str]) -> Iterator[Source]:
    if _is_release(folder):
        return iter([RefusedSource(name, _A_RELEASE)])
    return iter(_saved(name, folder)) if _is_saved_dataset(folder) else _walk(name, folder, root, skipped)


def _linked(name: str, link: Path, root: str) -> Iterator[Source]:
    """A link to a file inside the folder is that file, which is read anyway; any other is refused."""
    target = os.path.realpath(link)
    if not os.path.exists(target):
        yield RefusedSource(name, "is a symbolic link to nothing; remove it or restore its target")
    elif not target.startswith(root.rstrip(os.sep) + os.sep):
        yield RefusedSource(name, "is a symbolic link out of the folder; name its target as a source of its own")
    elif os.path.isfile(target) and not _is_walked(target, root):
        yield FileSource(name, link)


def _is_walked(target: str, root: str) -> bool:
    """Whether the walk meets a file under its own name."""
    parts = PurePosixPath(os.path.relpath(target, root)).parts
    return data_extension(target) is not None and not any(part.startswith(".") for part in parts)


def _is_release(folder: Path) -> bool:
    """Reports, ledgers and exports of one release would be read as so many sources."""
    return all((folder / name).is_file() for name in ("manifest.json", "ledger.parquet", "records.parquet"))


def _is_saved_dataset(folder: Path) -> bool:
    if (folder / "dataset_dict.json").is_file():
        return True
    return (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file()


def _saved(name: str, folder: Path) -> list[Source]:
    """The split or splits of a folder made by `save_to_disk`."""
    import datasets

    try:
        loaded = datasets.load_from_disk(str(folder))
    except Exception as error:  # a damaged folder fails in json, pyarrow or the library itself
        return [RefusedSource(name, f"is a saved dataset that cannot be loaded ({_line(error)}); save it again")]
    splits = _splits(name, loaded)
    # What names its files may name any, by `..` or by a link.
    datas = [split.dataset for split in splits if isinstance(split, DatasetSource)]
    files = [file["filename"] for data in datas for file in data.cache_files]
    root = os.path.realpath(folder).rstrip(os.sep) + os.sep
    if not all(os.path.realpath(file).startswith(root) for file in files):
        return [RefusedSource(name, "is a saved dataset with files outside of its folder; save it again")]
    return splits


def _splits(name: str, loaded: Any) -> list[Source]:
    if hasattr(loaded, "num_rows") and isinstance(loaded.num_rows, dict):
        return [DatasetSource(f"{name.rstrip('/')}/{split}", loaded[split]) for split in loaded]
    return [DatasetSource(name.rstrip("/"), loaded)]


def _hub(name: str) -> list[Source]:
    """A dataset of the Hugging Face hub, where it can be reached."""
    import huggingface_hub

    try:
        # One quick question first: the loader itself tries for half a minute before it gives up.
        huggingface_hub.HfApi().dataset_info(name, timeout=10)
        import datasets

        return _splits(name, datasets.load_dataset(name))
    except huggingface_hub.errors.RepositoryNotFoundError as error:
        raise SourceError("does not exist here, nor as a dataset on the Hugging Face hub; check the name") from error
    except Exception as error:  # httpx, datasets and fsspec each have errors of their own for a missing network
        raise SourceError(
            f"does not exist here, and the Hugging Face hub cannot deliver it ({_line(error)}); check the path"
        ) from error


def _remote(name: str) -> list[Source]:
    import fsspec

    try:
        filesystem, path = fsspec.core.url_to_fs(name)
        if _MAGIC.search(path):
            return _remote_files(name, filesystem, sorted(filesystem.glob(path)), path)
        if filesystem.isdir(path):
            return _remote_files(name, filesystem, sorted(filesystem.find(path)), path)
        if not filesystem.exists(path):
            raise SourceError("does not exist; check the URL")
    except (SourceError, KeyboardInterrupt):
        raise
    except Exception as error:  # each filesystem has errors of its own
        raise SourceError(f"cannot be reached ({_line(error)}); check the URL and its credentials") from error
    return [RemoteSource(name, filesystem, path)]


def _remote_files(name: str, filesystem: Any, paths: Sequence[str], root: str) -> list[Source]:
    scheme = name.split("://", 1)[0]
    found: list[Source] = []
    for path in paths:
        if data_extension(path) is None or PurePosixPath(path).name in _SIDECARS:
            continue
        inside = path.startswith(root.rstrip("/") + "/") and not _MAGIC.search(root)
        below = f"{name.rstrip('/')}/{path[len(root.rstrip('/')) + 1 :]}" if inside else f"{scheme}://{path}"
        found.append(RemoteSource(below, filesystem, path))
    if not found:
        raise SourceError(f"holds no data files; Assay reads {' '.join(EXTENSIONS)}, plain, .gz or .zst")
    return found


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200] or type(error).__name__
