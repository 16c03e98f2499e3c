"""The manifests of ops/k8s: valid by the schemas of Kubernetes, and what they say of Lanecast is true."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from tests.ops.test_metrics import check

VERSIONS = ("1.30", "1.37")
OVERLAYS = ("small", "production")
FOLDER = Path(__file__).parents[2] / "ops" / "k8s"

kustomize = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


def written() -> list[tuple[str, dict[str, Any]]]:
    """Every object of every file, with its file's name."""
    found = []
    for path in sorted(FOLDER.rglob("*.yaml")):
        if path.name != "kustomization.yaml":
            found += [(path.name, one) for one in yaml.safe_load_all(path.read_text())]
    return found


def built(overlay: str) -> list[dict[str, Any]]:
    command = ["kubectl", "kustomize", str(FOLDER / "overlays" / overlay)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def validate(one: dict[str, Any], version: str) -> None:
    if one["kind"] == "ScaledObject":
        jsonschema.validate(one, json.loads((Path(__file__).parent / "keda.json").read_text()))
    else:
        kubernetes_validate.validate(one, version, strict=True)


def pods(kind: str = "Deployment") -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one["spec"]["template"] for _, one in written() if one["kind"] == kind}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_what_the_schema_of_kubernetes_says(version: str) -> None:
    for _, one in written():
        validate(one, version)


@kustomize
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_overlay_can_be_built_and_is_valid(overlay: str) -> None:
    objects = built(overlay)
    for one in objects:
        validate(one, VERSIONS[-1])
    names = [(one["kind"], one["metadata"]["name"]) for one in objects]
    assert len(names) == len(set(names))
    assert {one["metadata"].get("namespace", "lanecast") for one in objects} == {"lanecast"}


@kustomize
def test_applying_production_again_does_not_undo_what_the_autoscaler_has_done() -> None:
    objects = built("production")
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in objects if one["kind"] == "ScaledObject"}
    assert scaled == {"lanecast-gateway", "lanecast-worker"}
    for one in objects:
        if one["kind"] == "Deployment":
            assert ("replicas" in one["spec"]) != (one["metadata"]["name"] in scaled)


def test_a_misspelt_field_would_be_found() -> None:
    one = copy.deepcopy(next(one for _, one in written() if one["kind"] == "Deployment"))
    one["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(one, VERSIONS[-1])
    scaled = copy.deepcopy(next(one for _, one in written() if one["kind"] == "ScaledObject"))
    scaled["spec"]["maxReplicas"] = 3
    with pytest.raises(jsonschema.ValidationError):
        validate(scaled, VERSIONS[-1])


@pytest.mark.parametrize("name", ["lanecast-gateway", "lanecast-worker", "lanecast-jobs", "valkey"])
def test_nobody_is_root_or_writes_to_its_image(name: str) -> None:
    pod = (pods() | pods("StatefulSet"))[name]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    for container in pod["containers"]:
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"]
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert not security["allowPrivilegeEscalation"]
        assert container["resources"]["limits"]["memory"]
        assert {"readinessProbe", "livenessProbe"} <= container.keys()


def test_a_gateway_leaves_the_service_before_it_drains_and_has_time_for_both() -> None:
    pod = pods()["lanecast-gateway"]["spec"]
    (container,) = pod["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz", "Redis being away is no reason to restart"
    waits_s = int(container["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert pod["terminationGracePeriodSeconds"] >= waits_s + 5


def test_services_budgets_and_policies_are_about_pods_that_there_are() -> None:
    labels = [pod["metadata"]["labels"] for pod in (pods() | pods("StatefulSet")).values()]
    for name, one in written():
        spec = one.get("spec", {})
        if one["kind"] == "Service":
            selector = spec["selector"]
        elif one["kind"] == "PodDisruptionBudget":
            selector = spec["selector"]["matchLabels"]
        elif one["kind"] == "NetworkPolicy":
            selector = spec["podSelector"]["matchLabels"]
        else:
            continue
        assert any(selector.items() <= pod.items() for pod in labels), f"{name}: {selector}"


def test_the_autoscaler_asks_for_metrics_that_exist() -> None:
    queries = [
        trigger["metadata"]["query"]
        for _, one in written()
        if one["kind"] == "ScaledObject"
        for trigger in one["spec"]["triggers"]
    ]
    assert any("lanecast_lag_seconds" in query for query in queries)
    for query in queries:
        check(query)


def test_valkey_starts_as_it_does_in_compose(root: Path) -> None:
    assert (FOLDER / "valkey" / "valkey.sh").read_text() == (root / "ops" / "docker" / "valkey.sh").read_text()
