"""Models as people look at them."""

from enum import StrEnum


class ModelOrder(StrEnum):
    """How to sort a list of models; ties are broken by id."""

    NAME = "name"
    MODEL_ID = "model_id"
    REQUIRED_VRAM_GB = "required_vram_gb"
    CONTEXT_LENGTH = "context_length"
    DATA_VOLUME_GB = "data_volume_gb"
    IS_ACTIVE = "is_active"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
