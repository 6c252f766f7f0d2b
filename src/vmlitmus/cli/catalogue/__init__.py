"""Commands that say what there is to ask (``list``), or write a file to begin with (``new``)."""
