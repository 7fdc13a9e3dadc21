"What is said, and what comes of it: a message is heard, rules or the model answer, its orders are carried out, and each of the two is drawn as it grows."
