"""The console script, also where only the server's packages are installed."""

import sys


def main() -> None:
    try:
        from generator.cli import main as run

        run()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        sys.exit(f"reverse-registry: {missing} is not installed; the generator needs requirements/generator.txt")


if __name__ == "__main__":
    main()
