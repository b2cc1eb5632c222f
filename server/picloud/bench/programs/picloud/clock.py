import time


def handler(request):
    print(request.query.get("mark"), time.time_ns())
    return
