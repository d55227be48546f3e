package main

import "net/http"

func graphiQL() http.Handler { return http.NotFoundHandler() }
