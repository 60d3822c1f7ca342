module.exports = "lib " + require("ms")(60000)
