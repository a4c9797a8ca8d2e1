"""Security headers, the same on every answer but for what a page's own form needs."""

from flask import Flask, Response, g


def install(app: Flask, *, is_https: bool) -> None:
    @app.after_request
    def add_headers(response: Response) -> Response:
        ends = " ".join(("'self'", *g.get("form_action", ())))
        if response.mimetype == "text/html":
            response.headers["Content-Security-Policy"] = (
                "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
                f"form-action {ends}; base-uri 'none'; frame-ancestors 'none'"
            )
        else:
            response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=()"
        if is_https:
            response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        response.headers["X-Request-Id"] = g.request_id
        may_keep = response.status_code < 400 and "Location" not in response.headers
        if not may_keep and "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
        return response
