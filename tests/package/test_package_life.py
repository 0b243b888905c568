"""The Debian package: made, installed, run, upgraded, removed and purged."""
import gzip
import os
import re
import subprocess

import pytest

from debian import run
from harness.binary import sluice_binary

UNITS = ["sluice-gateway.service", "sluice-fb-collector.service", "sluice-ttk-collector.service",
         "sluice-reporter.service", "sluice-setup.service"]
FOLDER = "/usr/lib/systemd/system"


def commands():
    return re.findall(r"(?m)^  ([a-z-]+) ", run(sluice_binary(), "--help"))


def settings():
    return re.findall(r"(?m)^\| `([A-Z_]+)`", run(sluice_binary(), "settings", "--markdown"))


def test_lintian_finds_nothing(package):
    assert run("lintian", "--fail-on", "error,warning", package) == ""


def test_it_names_its_version_and_what_it_needs(package):
    version = run(sluice_binary(), "--version").split()[1]
    assert run("dpkg-deb", "-f", package, "Version").strip() == version
    assert "libnats3" in run("dpkg-deb", "-f", package, "Depends")
    assert run("dpkg-deb", "-f", package, "Recommends").strip() == "nats-server, postgresql"


@pytest.mark.parametrize("path, owner", [
    ("/usr/bin/sluice", ("755", "root", "root")),
    ("/etc/sluice", ("755", "root", "root")),
    ("/etc/sluice/sluice.env", ("640", "root", "sluice")),
    ("/var/lib/sluice", ("750", "sluice", "sluice")),
    *[(f"{FOLDER}/{unit}", ("644", "root", "root"))
      for unit in UNITS + ["sluice.target", "sluice-gateway.socket", "sluice-reporter.socket"]],
])
def test_modes_and_owners(installed, path, owner):
    assert installed.owner(path) == owner


def test_the_user_is_a_system_user_without_a_shell(installed):
    name, _, uid, _, _, home, shell = installed.run("getent", "passwd", "sluice").strip().split(":")
    assert (name, home, shell) == ("sluice", "/var/lib/sluice", "/usr/sbin/nologin") and int(uid) < 1000


def test_every_setting_is_in_the_settings_file(installed):
    """As the table has it; the two that must be set are empty, and nothing starts on a sample password."""
    text = (installed / "etc/sluice/sluice.env").read_text()
    assert sorted(re.findall(r"(?m)^#?([A-Z_]+)=", text)) == sorted(settings())
    assert installed.environment() == {"APP_ENV": "production", "NATS_URL": "", "DATABASE_URL": ""}


@pytest.mark.parametrize("command, name", [("gateway", "NATS_URL"), ("init", "NATS_URL"), ("migrate", "DATABASE_URL"),
                                           ("fb-collector", "DATABASE_URL"), ("reporter", "DATABASE_URL")])
def test_what_is_not_set_is_named(installed, command, name):
    done = subprocess.run(["chroot", installed.root, "/usr/bin/sluice", command],
                          env={"PATH": os.environ["PATH"], **installed.environment()}, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode in (1, 2)
    assert len(done.stderr.splitlines()) == 1 and name in done.stderr


def test_the_manual_page_has_all_and_no_warnings(installed):
    page = installed / "usr/share/man/man1/sluice.1.gz"
    done = subprocess.run(["man", "--warnings", "-l", str(page)], capture_output=True, text=True, check=True,
                          env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": "100", "MAN_KEEP_FORMATTING": ""})
    assert done.stderr == ""
    with gzip.open(page, "rt") as source:
        text = source.read().replace("\\-", "-")
    assert re.findall(r"(?m)^\.SS (.*)$", text) == commands()
    assert re.findall(r'(?m)^\.BR ([A-Z_]+) " \(', text) == settings()
    for command in commands():
        flags = re.findall(r"(?m)^  (?:-[a-z], )?(--[a-z-]+)", run(sluice_binary(), command, "--help").split("\nSettings")[0])
        section = text.split(f".SS {command}\n")[1].split("\n.S")[0]
        assert [flag for flag in flags if flag not in section] == []


def complete(installed, *words):
    """What bash offers behind these words; the last one is being typed."""
    script = """
        . "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
        rule=$(complete -p sluice); rule=${rule#* -F }
        ${rule%% *} sluice "${@: -1}" "${@: -2:1}"
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    path = f"{os.path.dirname(sluice_binary())}:{os.environ['PATH']}"
    return run("bash", "-c", script, "bash", installed / "usr/share/bash-completion/completions/sluice", *words,
               env={"PATH": path, "HOME": "/nonexistent"}).split()


def test_completion_offers_every_command(installed):
    assert complete(installed, "sluice", "") == commands() + ["--help", "--version"]
    assert complete(installed, "sluice", "ga") == ["gateway"]


@pytest.mark.parametrize("command", commands())
def test_completion_offers_every_flag(installed, command):
    flags = re.findall(r"(?m)^  (?:-[a-z], )?(--[a-z-]+)", run(sluice_binary(), command, "--help"))
    assert set(complete(installed, "sluice", command, "--")) == {*flags, "--help"}


@pytest.mark.parametrize("words, offered", [
    (["gateway", "--log-format", ""], ["json", "text"]),
    (["reporter", "--log-level", ""], ["debug", "info", "warn", "error"]),
    (["gateway", "--validation", "s"], ["strict"]),
    (["audit", "--source", ""], ["facebook", "tiktok"]),
    (["restart", ""], ["gateway", "fb-collector", "ttk-collector", "reporter"]),
    (["dlq", "re"], ["requeue"]),
    (["gateway", "--port", ""], []),
])
def test_completion_offers_values(installed, words, offered):
    assert complete(installed, "sluice", *words) == offered


@pytest.mark.parametrize("unit", UNITS)
def test_units_are_confined(installed, unit):
    text = run("systemd-analyze", "security", "--offline=true", f"--root={installed.root}", unit)
    level = re.search(r"Overall exposure level for \S+ ([0-9.]+)", text)
    assert level and float(level.group(1)) < 2.0, text


def test_units_hold_together(installed):
    """In systemd's own reading: no unknown key, no missing program or unit."""
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", f"--root={installed.root}", "sluice.target",
                           *UNITS, "sluice-gateway.socket", "sluice-reporter.socket"],
                          capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if "sluice" in line]
    assert done.returncode == 0 and complaints == []


def test_an_upgrade_keeps_the_settings(installed, package):
    path = installed / "etc/sluice/sluice.env"
    kept = path.read_text()
    installed.set_environment(NATS_URL="nats://elsewhere:4222")
    installed.install(package)
    assert installed.environment()["NATS_URL"] == "nats://elsewhere:4222"
    assert installed.owner("/etc/sluice/sluice.env") == ("640", "root", "sluice")
    path.write_text(kept)


def test_removed_and_purged_nothing_is_left(debian, package):
    """The last test of this file: others need the package."""
    if not (debian / "usr/bin/sluice").exists():
        debian.before = debian.paths()
        debian.install(package)
    debian.run("systemctl", "enable", "sluice.target", "sluice-gateway.socket")
    assert debian.paths() & {"etc/systemd/system/multi-user.target.wants/sluice.target"}
    (debian / "var/lib/sluice/.pgpass").write_text("")

    debian.run("dpkg", "-r", "sluice")
    assert not (debian / "usr/bin/sluice").exists() and (debian / "etc/sluice/sluice.env").exists()
    left = [path for path in debian.paths() - debian.before if path.startswith("etc/systemd")]
    assert [path for path in left if "sluice" in path] == []

    debian.run("dpkg", "-P", "sluice")
    assert {path for path in debian.paths() - debian.before if not path.startswith("etc/systemd/system/")} == set()
    assert "sluice" not in (debian / "etc/passwd").read_text() + (debian / "etc/group").read_text()
