"""The Kubernetes manifests and the compose file, checked offline: valid, restricted and walled."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).parents[3]
BASE = ROOT / "deploy" / "k8s" / "base"
OVERLAY = ROOT / "deploy" / "k8s" / "overlays" / "example"
SERVICES = {"auth", "mailstore", "sender", "contacts", "web"}
CUSTOM = {"cert-manager.io/v1"}
VERSION = "1.37"


def objects(text: str) -> list[dict[str, Any]]:
    return [item for item in yaml.safe_load_all(text) if item]


def base_objects() -> list[dict[str, Any]]:
    listed = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
    assert sorted([*listed, "kustomization.yaml"]) == sorted(path.name for path in BASE.iterdir())
    return [item for name in listed for item in objects((BASE / name).read_text())]


def pods() -> list[tuple[str, dict[str, Any]]]:
    found = [
        (item["metadata"]["name"], item["spec"]["template"]["spec"])
        for item in base_objects()
        if item["kind"] == "Deployment"
    ]
    assert {name for name, _ in found} == {f"postern-{name}" for name in SERVICES}
    return found


def test_every_object_of_the_base_is_valid() -> None:
    checked = 0
    for item in base_objects():
        kubernetes_validate.validate(item, VERSION, strict=True)
        checked += 1
    assert checked == 26


def test_the_rendered_overlay_is_valid() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed; the base is validated without it")
    rendered = subprocess.run([kubectl, "kustomize", OVERLAY], check=True, capture_output=True, text=True)
    for item in objects(rendered.stdout):
        if item["apiVersion"] not in CUSTOM:
            kubernetes_validate.validate(item, VERSION, strict=True)


def test_with_pop3_mailstore_is_one_with_a_volume(tmp_path: Path) -> None:
    component = ROOT / "deploy" / "k8s" / "components" / "pop3"
    (claim,) = objects((component / "volume.yaml").read_text())
    kubernetes_validate.validate(claim, VERSION, strict=True)
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    # kustomize takes no absolute paths.
    inside = {
        "resources": [os.path.relpath(BASE, tmp_path)],
        "components": [os.path.relpath(component, tmp_path)],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(inside))
    rendered = subprocess.run([kubectl, "kustomize", tmp_path], check=True, capture_output=True, text=True)
    found = {(item["kind"], item["metadata"]["name"]): item for item in objects(rendered.stdout)}
    mailstore = found["Deployment", "postern-mailstore"]
    kubernetes_validate.validate(mailstore, VERSION, strict=True)
    spec = mailstore["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    (container,) = spec["template"]["spec"]["containers"]
    environment = {each["name"]: each.get("value") for each in container["env"]}
    assert environment["POSTERN_LOCAL_MAIL_DIR"].startswith("/local-mail/")
    assert "/local-mail" in {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {"index", "local-mail"} <= {volume["name"] for volume in spec["template"]["spec"]["volumes"]}


def test_pods_fulfil_the_restricted_pod_security_standard() -> None:
    for _, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert set(container["resources"]) == {"requests", "limits"}


def test_every_service_but_web_is_probed_by_grpc() -> None:
    for name, pod in pods():
        (container,) = pod["containers"]
        kind = "httpGet" if name == "postern-web" else "grpc"
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert kind in container[probe]


def test_every_file_that_a_pod_is_told_of_lies_in_a_mounted_volume() -> None:
    for name, pod in pods():
        (container,) = pod["containers"]
        mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes, name
        for variable in container["env"]:
            if variable["name"].endswith(("_FILE", "_DIR")):
                assert any(variable["value"].startswith(mount) for mount in mounts), variable


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def test_compose_networks_wall_the_inside_off() -> None:
    file = compose()
    networks = {name: set(item.get("networks", [])) for name, item in file["services"].items()}
    assert networks["web"] == {"edge", "internal"}
    assert networks["auth"] == {"internal", "data", "mail"}
    assert networks["mailstore"] == {"internal", "mail"}
    assert networks["sender"] == {"internal", "data", "mail"}
    assert networks["contacts"] == {"internal", "data"}
    assert networks["mariadb"] == {"data"}
    assert networks["dovecot"] == networks["postfix"] == {"mail"}
    assert [name for name, item in file["networks"].items() if not item.get("internal")] == ["edge"]


def test_compose_publishes_web_alone_and_on_this_machine_alone() -> None:
    published = {name: item["ports"] for name, item in compose()["services"].items() if "ports" in item}
    assert list(published) == ["web"]
    assert all(port.startswith("127.0.0.1:") for port in published["web"])


def test_compose_services_are_confined() -> None:
    services = compose()["services"]
    for name in SERVICES:
        item = services[name]
        assert item["read_only"] is True
        assert item["user"] == "10001:10001"
        assert item["cap_drop"] == ["ALL"]
        assert item["image"] == f"postern-{name}"
        assert item["mem_limit"]
        assert item["healthcheck"]
