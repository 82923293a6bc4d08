module example.org/consumer

go 1.24.0

require golang.org/x/term v0.32.0

require golang.org/x/sys v0.33.0 // indirect
