-- Any statement starts the server's clock for idle transactions anew.
SELECT 1
