"""What known senders mean by their messages. One module for each; `table.py` names them."""
