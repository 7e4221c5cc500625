"""Fields of a form are declared on its class, and belong to each instance."""

from flask import Flask, redirect, render_template
from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField

app = Flask(__name__)
app.secret_key = "for development"
TEXTS = {"about": ("About", "Nothing yet.")}


class PageForm(FlaskForm):
    title = StringField("Title")
    body = TextAreaField("Body")


@app.route("/edit/<name>", methods=["GET", "POST"])
def edit(name):
    form = PageForm()
    if form.validate_on_submit():
        return redirect("/")
    form.title.data, form.body.data = TEXTS[name]
    form.errors_shown = len(form.errors)
    return render_template("edit.html", form=form)
