"""The storages of static files that Django and WhiteNoise have, as settings name them."""

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage


class Aggregating(ManifestStaticFilesStorage):
    """Django's storage, as its documentation sets it up for modules."""

    support_js_module_import_aggregation = True


class Lenient(ManifestStaticFilesStorage):
    """Django's storage, which does not complain of files that were not collected."""

    manifest_strict = False


class CompressedAggregating(CompressedManifestStaticFilesStorage):
    """WhiteNoise's storage, set up for modules in the same way."""

    support_js_module_import_aggregation = True
