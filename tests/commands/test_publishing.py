"""What was published, checked from the command line: folders that somebody has changed, and such as never end."""

import os


def test_a_published_folder_is_checked_without_a_home(shells, tmp_path):
    ada, stranger = shells("ada"), shells("stranger")
    ada.ok("init", "Bakery", "--as", "Ada")
    made = ada.json("propose", "Open on Sundays", "--policy", "significant")["id"]
    ada.ok("vote", made, "yes", "--yes")
    folder = tmp_path / "public"
    assert ada.json("publish", str(folder))["held_back"] == 1
    told = stranger.json("verify", str(folder))
    assert (told["valid"], told["held_back"], told["problems"]) == (True, 1, [])
    assert not stranger.home.exists()
    assert "Valid. Bakery: 1 decision public" in stranger.ok("verify", str(folder))
    other = stranger.run("verify", str(folder), "--of", "ab" * 32)
    assert (other.returncode, other.stdout) == (1, "NOT VALID: it is of another assembly.\n")

    (folder / "news").symlink_to(tmp_path)
    page = (folder / "index.html").read_bytes()
    (folder / "index.html").unlink()
    os.mkfifo(folder / "index.html")
    bad = stranger.run("--json", "verify", str(folder))
    assert bad.returncode == 1
    assert "index.html does not say" in bad.stdout, "and it does not wait for a pipe that nobody writes to"
    assert "news is no part" in bad.stdout
    (folder / "index.html").unlink()
    (folder / "index.html").write_bytes(page)
    (folder / "news").unlink()
    assert stranger.json("verify", str(folder))["valid"]

    (tmp_path / "empty").mkdir()
    assert "is none that was published" in stranger.run("verify", str(tmp_path / "empty")).stdout
    refused = ada.run("publish", str(tmp_path))
    assert refused.returncode == 1
    assert "something else" in refused.stderr
