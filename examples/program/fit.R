# Fits a linear model of the fuel consumption of 32 cars (mtcars comes with R) and scores it by k-fold cross-validation.
# The folds are drawn by the seed.

run    <- Sys.getenv("ABLADE_RUN")
config <- commandArgs(trailingOnly = TRUE)          # weight=true transform=log folds=8 seed=1
config <- sapply(strsplit(config, "="), function(pair) setNames(pair[2], pair[1]))
set.seed(as.integer(config[["seed"]]))

response   <- if (config[["transform"]] == "log") "log(mpg)" else "mpg"
predictors <- c("weight", "power", "gearbox")
terms      <- c("wt", "hp", "am")[config[predictors] == "true"]
model      <- reformulate(if (length(terms)) terms else "1", response = str2lang(response))

k      <- as.integer(config[["folds"]])
fold   <- sample(rep(seq_len(k), length.out = nrow(mtcars)))
errors <- numeric(nrow(mtcars))                     # absolute error of each car when it was left out
for (i in seq_len(k)) {
  fit <- lm(model, data = mtcars[fold != i, ])
  predicted <- predict(fit, mtcars[fold == i, ])
  if (config[["transform"]] == "log") predicted <- exp(predicted)
  errors[fold == i] <- abs(mtcars$mpg[fold == i] - predicted)
}

# No package for JSON is needed for one number.
writeLines(sprintf('{"mae": %.17g}', mean(errors)), file.path(run, "scores.json"))
writeLines(sprintf("%.17g", errors), file.path(run, "scores", "mae.txt"))
