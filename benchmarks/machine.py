"""What a machine is, and what it can: the processor's name and features, memory, and the peak of a matrix product

`python -m benchmarks.machine` prints it.
"""

import os
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# What the backends choose by, as /proc/cpuinfo spells it.
FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "amx_tile")
LIBRARIES = ("polars", "numpy", "torch", "openvino", "sentence-transformers", "faiss-cpu", "rensa", "prefect")
# Rows, columns and depth of the product that is timed: a batch of 8,192 tokens through MiniLM's widest layer.
_SHAPE = (8_192, 1_536, 384)
_TRIES, _SECONDS = 3, 0.7


def described() -> str:
    """One line: processor, cores, features, memory, Python.

    Where /proc does not tell, that part is missing.
    """
    cpu = _cpuinfo()
    flags = cpu.get("flags", "").split()
    known = [name for name in FEATURES if name in flags]
    absent = [name for name in ("avx512_vnni", "avx512_bf16", "amx_int8") if flags and name not in flags]
    family = f", family {cpu['cpu family']} model {cpu['model']}" if "model" in cpu else ""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    parts = [
        f"{cpu.get('model name', 'unknown processor')}{family}",
        f"{os.cpu_count()} cores",
        f"{', '.join(known)}" + (f"; no {', '.join(absent)}" if absent else ""),
        f"{memory:.0f} GiB of memory",
    ]
    return "; ".join(part for part in parts if part)


def _cpuinfo() -> dict[str, str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n", 1)[0].splitlines()
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def versions(names: tuple[str, ...] = LIBRARIES) -> dict[str, str]:
    """Installed versions of what decides about speed; what is missing is left out."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def peaks() -> dict[str, float]:
    """The best rate of one matrix product on all cores, in 10^9 operations a second, for fp32, bf16 and int8.

    By torch, which is what sentence-transformers has. bf16 without instructions for it is slower than fp32.
    """
    import torch

    m, n, k = _SHAPE
    a, b = torch.randn(m, k), torch.randn(k, n)
    made: dict[str, Any] = {"fp32": lambda: a @ b}
    low_a, low_b = a.bfloat16(), b.bfloat16()
    made["bf16"] = lambda: low_a @ low_b
    int_a, int_b = (torch.randint(-127, 127, shape, dtype=torch.int8) for shape in ((m, k), (k, n)))
    made["int8"] = lambda: torch._int_mm(int_a, int_b)
    return {name: max(_rate(product, 2.0 * m * n * k) for _ in range(_TRIES)) for name, product in made.items()}


def _rate(product: Any, operations: float) -> float:
    product()
    began, done = time.monotonic(), 0
    while time.monotonic() - began < _SECONDS:
        product()
        done += 1
    return done * operations / (time.monotonic() - began) / 1e9


def main() -> None:
    print(described())
    print(", ".join(f"{name} {number}" for name, number in versions().items()))
    for name, rate in peaks().items():
        print(f"{name:<5} {rate:>8,.0f} x 10^9 operations a second")


if __name__ == "__main__":
    main()
