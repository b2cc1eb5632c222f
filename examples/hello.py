"""Says hello, and prints a line that shows up in the log.

curl 'http://localhost:8080/x/demo/hello?name=you'
"""

import pic


def handler(request: pic.Request) -> dict[str, str]:
    name = request.query.get("name", "world")
    print("hello", name)
    return {"hello": name, "invocation": request.invocation_id}
