from penstock.stores.sql.steps import STEPS, latest


def test_the_latest_step_is_a_file() -> None:
    [file] = (STEPS / "versions").glob(f"{latest()}_*.py")
    assert f'revision = "{latest()}"' in file.read_text(encoding="utf-8")
