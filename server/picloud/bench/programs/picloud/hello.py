def handler(request):
    return {"hello": "world", "n": 1}
