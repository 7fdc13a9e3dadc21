"""How a sentence is read: from the user's words and the tables there are to operations on rows, with no model and no database. Nothing here does anything.

    language, world → phrases → rules               a sentence that goes as one of the patterns does
    frames, several, clauses                        its parts: what only asks, several changes, what one part says of another
    sentence → mention → targets → picking, contents → naming, changing, adding, looking → gist
                                                    a sentence that fits no pattern: what it names, and the one change that explains it
    columns → likeness → values → filling → titles, becoming → slots
                                                    which column each of its words fills
    guard                                           what a model proposes, held against the same words"""
