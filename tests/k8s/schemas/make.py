"""Cut CustomResourceDefinitions down to the schemas the tests need: python tests/k8s/schemas/make.py CRD.yaml...

The files here are of these releases, each under the Apache License 2.0:

- gateway.networking.k8s.io: github.com/kubernetes-sigs/gateway-api, v1.6.1, config/crd/standard
- cert-manager.io: github.com/cert-manager/cert-manager, v1.21.1, deploy/crds
- postgresql.cnpg.io: github.com/cloudnative-pg/cloudnative-pg, v1.30.0, config/crd/bases
- monitoring.coreos.com: github.com/prometheus-operator/prometheus-operator, v0.93.0, example/prometheus-operator-crd

Prose goes; nothing else is changed but that an object with properties takes no others, as `kubectl apply` has it.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent


def main(paths: list[str]) -> None:
    """Write one file for each kind, with its schemas by apiVersion."""
    for path in paths:
        spec = yaml.safe_load(Path(path).read_text())["spec"]
        versions = {
            f"{spec['group']}/{version['name']}": strict(version["schema"]["openAPIV3Schema"])
            for version in spec["versions"]
            if version["served"]
        }
        (HERE / f"{spec['names']['kind'].lower()}.json").write_text(json.dumps(versions, separators=(",", ":")) + "\n")


def strict(schema: Any) -> Any:
    """Drop the prose of a schema and refuse what it does not list, as an API server in strict mode does."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: {name: strict(one) for name, one in value.items()} if key == "properties" else strict(value)
        for key, value in schema.items()
        if not (key == "description" and isinstance(value, str)) and not key.startswith("x-kubernetes-validations")
    }
    open_ended = kept.get("x-kubernetes-preserve-unknown-fields") or kept.get("x-kubernetes-embedded-resource")
    if "properties" in kept and "additionalProperties" not in kept and kept.get("type") == "object" and not open_ended:
        kept["additionalProperties"] = False
    return kept


if __name__ == "__main__":
    main(sys.argv[1:])
