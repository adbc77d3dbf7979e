#!/usr/bin/env bash
# Wraps the alerts of k8s/monitoring for the Prometheus Operator; kustomize itself cannot.
set -euo pipefail
cd "$(dirname "$0")/../k8s"
{
  cat <<'YAML'
# Written by scripts/prometheus_rule.sh from k8s/monitoring/alerts.yaml, do not edit.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: dicomveil
  labels:
    app.kubernetes.io/name: dicomveil
spec:
YAML
  grep -v '^#' monitoring/alerts.yaml | sed 's/^./  &/'
} >components/prometheus/rules.yaml
