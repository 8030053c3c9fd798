"""How the benches print what they measured."""


def report(name: str, value: str, target: str = "") -> None:
    """One line, at once."""
    print(f"{name:<58} {value:>16}" + (f"   target {target}" if target else ""), flush=True)
