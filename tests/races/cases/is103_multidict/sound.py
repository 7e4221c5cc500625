"""A MultiDict's items(multi=True) and a parameter called globals: nothing is shared."""

# explore: GET /?a=1&a=2 | GET /?b=3
# dynamic

from flask import Flask, jsonify, render_template_string, request

app = Flask(__name__)


def render(text, globals):
    globals["seen"] = len(globals) + 1
    if "name" not in globals:
        globals["name"] = "nobody"
    return render_template_string(text, **globals)


@app.route("/")
def index():
    pairs = {}
    for key, value in request.args.items(multi=True):
        pairs.setdefault(key, []).append(value)
    text = render("{{ seen }} {{ name }}", {"pairs": pairs})
    return jsonify(text=text, pairs=pairs)
