"What is asked for: the files people give, the kinds of value there are, and the forms that types become."
