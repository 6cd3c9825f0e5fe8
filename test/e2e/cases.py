"""What the scripts of cases share."""


def run_cases(cases, *failures):
    """Calls every (name, function); one that raises any of `failures`, or AssertionError, has failed. Returns the exit
    code, and prints the line that test/run_tests.sh reads."""
    failed = 0
    for name, function in cases:
        try:
            function()
        except (AssertionError, *failures) as error:
            failed += 1
            print(f"FAILED {name}: {type(error).__name__} {error}", flush=True)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0
