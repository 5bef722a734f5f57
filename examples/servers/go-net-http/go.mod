module example/readings

go 1.22
