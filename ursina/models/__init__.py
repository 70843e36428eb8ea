"""Critics and policies: what they must be able to do, and those that this program trains."""

from calf_gpu.app.models.protocols import Critic, OffPolicyTrainer, Policy

__all__ = ["Critic", "OffPolicyTrainer", "Policy"]
