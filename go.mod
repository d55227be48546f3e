module whatchanged.dev/whatchanged

go 1.26
