"""The manifests in k8s/, built as a cluster gets them, and the image that they run."""
