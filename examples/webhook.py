"""Receives webhooks signed as GitHub signs them, and refuses all others.

    body='{"action": "opened"}'
    signature=$(printf %s "$body" | openssl dgst -sha256 -hmac change-me | sed 's/^.* //')
    curl -d "$body" -H "x-hub-signature-256: sha256=$signature" \\
        -H 'x-github-event: issues' http://localhost:8080/x/demo/webhook

Put your own key into KEY and deploy again. Every delivery is printed, so `pic logs demo/webhook -f`
shows them as they come; the body is never printed before its signature is checked.
"""

import hashlib
import hmac

import pic

KEY = b"change-me"


def is_genuine(body: bytes, signature: str) -> bool:
    expected = "sha256=" + hmac.new(KEY, body, hashlib.sha256).hexdigest()
    # Bytes, because compare_digest refuses text that is not ASCII; constant time, so that the
    # answer does not tell how much of a guess was right.
    return hmac.compare_digest(expected.encode(), signature.encode())


def handler(request: pic.Request) -> pic.Response:
    if request.method != "POST":
        return pic.Response({"error": "send a POST"}, 405, {"allow": "POST"})
    if not is_genuine(request.body, request.headers.get("x-hub-signature-256", "")):
        print("refused a delivery from", request.client_ip)
        return pic.Response({"error": "the signature is missing or wrong"}, 401)
    try:
        action = request.json().get("action")
    except (ValueError, AttributeError):
        return pic.Response({"error": "the body is not a JSON object"}, 400)
    event = request.headers.get("x-github-event", "unknown")
    print("received", event, action)
    return pic.Response({"received": event, "action": action})
