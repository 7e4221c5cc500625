"""Rows of a database: the database takes turns."""

from flask import Flask, redirect, request, url_for
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///posts.db"
db = SQLAlchemy(app)


class Post(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    title = db.Column(db.String(80))
    views = db.Column(db.Integer, default=0)


@app.get("/posts/<int:number>")
def show(number):
    post = Post.query.get_or_404(number)
    if post.title is None:
        post.title = "untitled"
    db.session.commit()
    return post.title


@app.post("/posts/<int:number>")
def change(number):
    post = db.session.get(Post, number)
    if post is None:
        post = Post(id=number)
        db.session.add(post)
    post.title = request.form["title"]
    db.session.commit()
    return redirect(url_for("show", number=number))
