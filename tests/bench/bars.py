"""What a figure has to reach. `python -m tests.bench` repeats these lines at its end."""

MET, MISSED = "met   ", "MISSED"


def at_least(bar: float, figure: float, what: str) -> None:
    _say(figure >= bar, what, figure, f"at least {bar:g}")


def at_most(bar: float, figure: float, what: str) -> None:
    _say(figure <= bar, what, figure, f"at most {bar:g}")


def _say(is_met: bool, what: str, figure: float, bar: str) -> None:
    print(f"{MET if is_met else MISSED} {what}: {figure:.3g} ({bar})", flush=True)
