const app = require("express")()
app.get("/", (req, res) => res.send(`express home=${process.env.HOME} node=${process.version.split(".")[0]}\n`))
app.listen(process.env.PORT || 3000)
