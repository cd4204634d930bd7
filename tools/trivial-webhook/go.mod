module hardline.dev/tools/trivial-webhook

go 1.26.0
