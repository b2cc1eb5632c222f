def handler(request):
    document = request.json()
    document["echoed"] = True
    return document
