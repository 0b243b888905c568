"""The manifests as kustomize builds them, and the checker of their schemas."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests" / "integration"), str(HERE)]

MANIFESTS = ROOT / "deploy" / "kubernetes"
CACHE = pathlib.Path(os.environ.get("SLUICE_TEST_CACHE", "/var/tmp/sluice-package-test"))


@pytest.fixture(scope="session", params=["base", "overlays/production"])
def objects(request):
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed, and Debian's knows no kustomize that reads these files")
    built = subprocess.run(["kubectl", "kustomize", MANIFESTS / request.param], capture_output=True, text=True, check=False)
    assert built.returncode == 0 and built.stderr == "", built.stderr
    return list(yaml.safe_load_all(built.stdout))


@pytest.fixture(scope="session")
def faults():
    """faults([object]) -> [[what is wrong with it]], by the published schemas. They come from the npm registry, once
    a machine."""
    if not shutil.which("npm"):
        pytest.skip("npm is not installed: the schemas are in one of its packages")
    lock = (HERE / "package-lock.json").read_bytes()
    folder = CACHE / f"schemas-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not (folder / "node_modules" / ".package-lock.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=280)

    def check(objects):
        done = subprocess.run(["node", HERE / "validate.cjs"], input=json.dumps(objects), capture_output=True, text=True,
                              check=True, env={**os.environ, "NODE_PATH": str(folder / "node_modules")})
        return json.loads(done.stdout)

    return check
