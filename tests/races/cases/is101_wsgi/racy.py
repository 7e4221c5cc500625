"""A plain WSGI callable with a counter."""

# explore: GET / | GET /
# dynamic

count = 0


def following():
    global count
    before = count
    count = before + 1  # IS101
    return count


def app(environ, start_response):
    body = str(following()).encode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]
