"""`python -m bench.people 64`: so many accounts, by the command an operator uses, in one process."""

import os
import sys

from bench.ours import PASSWORD, number_of
from idp.app import create_app
from idp.runtime.settings import load_settings


def main(count: int) -> None:
    runner = create_app(load_settings(os.environ)).test_cli_runner()
    for person in range(count):
        said = ["--name", "Nguyễn Thị Mẫu", "--birth-date", "02/01/1990", "--phone", f"0912{person:06d}"]
        arguments = ["accounts", "create", "--number", number_of(person), *said, "--password-stdin"]
        result = runner.invoke(args=arguments, input=f"{PASSWORD}\n")
        if result.exit_code:
            sys.exit(result.output)


if __name__ == "__main__":
    main(int(sys.argv[1]))
