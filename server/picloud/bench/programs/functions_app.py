"""The three handlers on Google's functions-framework: one function, told apart by path."""

import functions_framework


@functions_framework.http
def main(request):
    if request.path == "/hello":
        return {"hello": "world", "n": 1}
    if request.path == "/echo":
        document = request.get_json()
        document["echoed"] = True
        return document
    if request.path == "/cpu":
        return {"sum": sum(i * i % 7 for i in range(100_000))}
    return "not found", 404
