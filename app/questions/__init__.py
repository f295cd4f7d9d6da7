"""The questionnaire of a programme: the standard fields and its own, when they are asked, and what people answered."""
