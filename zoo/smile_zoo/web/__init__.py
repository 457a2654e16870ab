"""The web page: spaces and the built page as a site that is served or exported, or as a single HTML file."""

from smile_zoo.web.exported_site import SITE_FOLDER, export_site
from smile_zoo.web.page_files import PAGE
from smile_zoo.web.server import PageServer
from smile_zoo.web.single_file import write_single_file
from smile_zoo.web.site import Site, make_site

__all__ = [
    "PAGE",
    "SITE_FOLDER",
    "PageServer",
    "Site",
    "export_site",
    "make_site",
    "write_single_file",
]
