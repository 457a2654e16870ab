"""A Hugging Face Hub in memory, on loopback, for the real client: its API, and faults on demand."""

from fake_hub.faults import Fault
from fake_hub.server import Hub
from fake_hub.store import ORG, OWNER_TOKEN, Blob, Call, Request, Response

__all__ = ["ORG", "OWNER_TOKEN", "Blob", "Call", "Fault", "Hub", "Request", "Response"]
