"Tables one can see: rows as a list and as a form, their keys, files in and out, and what becomes of them when their class changes."
