"""Pictures of released objects: parameters, pixel pipelines and encoders; the work is done in processes of its own."""
