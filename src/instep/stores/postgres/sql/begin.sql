-- Said in full: a database may have other defaults, and row locks need no more than this.
BEGIN ISOLATION LEVEL READ COMMITTED
