"Procedures one can see: steps whose answers are kept as a tree, shown as cards, and taken elsewhere as a file."
