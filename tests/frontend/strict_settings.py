"""The demo's settings, with the strictest policy that its page allows."""

from project.settings import *  # noqa: F403 - settings
from project.settings import MIDDLEWARE as DEMO

NONE, SELF = ["'none'"], ["'self'"]
MIDDLEWARE = ["csp.middleware.CSPMiddleware", *DEMO]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": NONE,
        "script-src": SELF,
        "connect-src": SELF,
        "style-src": SELF,
        "img-src": SELF,
        "form-action": SELF,
        "base-uri": NONE,
        "frame-ancestors": NONE,
        "require-trusted-types-for": ["'script'"],
        "trusted-types": NONE,
    }
}
