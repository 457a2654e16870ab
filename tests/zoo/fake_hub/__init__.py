"""A fake Hugging Face Hub on loopback for the real client: contents in memory, the API, and faults on demand."""

from fake_hub.faults import Fault
from fake_hub.routes import Request, Response
from fake_hub.server import FakeHub
from fake_hub.store import ORG, OWNER_TOKEN, Blob

__all__ = ["ORG", "OWNER_TOKEN", "Blob", "FakeHub", "Fault", "Request", "Response"]
